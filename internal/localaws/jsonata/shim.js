// What Step Functions adds to JSONata and takes from it, and the little that
// Go needs to drive the library. Evaluates to a function of the library and of
// an object with Go's functions.
(function (library, host, keepEval) {
  'use strict';

  // Names of the variables that an expression reads but does not bind itself
  // need not be told apart: binding too many is harmless.
  function variables(node, found) {
    if (node === null || typeof node !== 'object') return found;
    if (Array.isArray(node)) {
      node.forEach(function (n) { variables(n, found); });
      return found;
    }
    if (node.type === 'variable') found[node.value] = true;
    Object.keys(node).forEach(function (k) { variables(node[k], found); });
    return found;
  }

  // The position of the first reference to the context where there is none,
  // that is, outside of a path, a predicate or the like; -1 if there is none.
  function rootless(node, inside) {
    if (node === null || typeof node !== 'object') return -1;
    if (Array.isArray(node)) {
      for (var i = 0; i < node.length; i++) {
        var at = rootless(node[i], inside);
        if (at >= 0) return at;
      }
      return -1;
    }
    switch (node.type) {
      case 'name': case 'wildcard': case 'descendant':
        if (!inside) return node.position || 0;
        break;
      case 'variable':
        if (node.value === '$' || (node.value === '' && !inside)) return node.position || 0;
        break;
      case 'path':
        for (var s = 0; s < node.steps.length; s++) {
          var found = rootless(node.steps[s], inside || s > 0);
          if (found >= 0) return found;
        }
        return rootless(node.group, true);
      case 'regex':
        return -1;
    }
    var contextual = { predicate: 1, stages: 1, group: 1, terms: 1, pattern: 1, update: 1, 'delete': 1 };
    var keys = Object.keys(node);
    for (var k = 0; k < keys.length; k++) {
      var hit = rootless(node[keys[k]], inside || contextual[keys[k]] === 1);
      if (hit >= 0) return hit;
    }
    return -1;
  }

  function fail(code, message) {
    throw { code: code, message: message };
  }

  function partition(array, size) {
    if (array === undefined) return undefined;
    if (!(size >= 1)) fail('D3040', 'The second argument of $partition must be a positive number');
    var parts = [];
    var step = Math.floor(size);
    for (var i = 0; i < array.length; i += step) parts.push(array.slice(i, i + step));
    return parts;
  }

  function range(first, last, step) {
    if (first === undefined || last === undefined || step === undefined) return undefined;
    if (step === 0) fail('D3040', 'The third argument of $range must not be 0');
    if (Math.abs((last - first) / step) > 1e7) fail('D2014', 'The size of the sequence allocated by $range must not exceed 1e7');
    var all = [];
    if (step > 0) for (var up = first; up <= last; up += step) all.push(up);
    else for (var down = first; down >= last; down += step) all.push(down);
    // Observed on AWS in 2026: a range of one number is that number, as any sequence.
    Object.defineProperty(all, 'sequence', { value: true });
    return all;
  }

  function parse(text) {
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (e) {
      fail('D3137', 'The argument of $parse is not valid JSON');
    }
  }

  return {
    compile: function (source) {
      var expression = library(source);
      if (!keepEval) expression.assign('eval', undefined);
      expression.registerFunction('partition', partition, '<an:a>');
      expression.registerFunction('range', range, '<nnn:a>');
      expression.registerFunction('hash', host.hash, '<ss:s>');
      expression.registerFunction('random', host.random, '<n?:n>');
      expression.registerFunction('uuid', host.uuid, '<:s>');
      expression.registerFunction('parse', parse, '<s:x>');
      return expression;
    },
    variables: function (expression) { return Object.keys(variables(expression.ast(), {})); },
    rootless: function (expression) { return rootless(expression.ast(), false); },
    evaluate: function (expression, input, bindings) { return expression.evaluate(input, bindings); },
    parse: function (text) { return JSON.parse(text); }
  };
})
