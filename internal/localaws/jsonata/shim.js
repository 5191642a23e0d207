// What Step Functions adds to JSONata and takes from it, and the little that
// Go needs to drive the library. Evaluates to a function of the library and of
// an object with Go's functions.
(function (library, host, keepEval, maxSteps, maxDepth) {
  'use strict';

  // Names of the variables that an expression reads; those that it binds itself
  // need not be told apart: binding too many is harmless. A part of $states that
  // is named, as in $states.input, is "states.input"; "states" is any other use.
  function variables(node, found) {
    if (node === null || typeof node !== 'object') return found;
    if (node.type === 'variable') found[node.value] = (found[node.value] || 0) + 1;
    if (node.type === 'path') {
      var first = node.steps[0], second = node.steps[1];
      if (first.type === 'variable' && first.value === 'states' && second && second.type === 'name') {
        found['states.' + second.value] = 1;
        found.states = (found.states || 0) - 1; // the visit to first adds it again
      }
    }
    Object.keys(node).forEach(function (k) { variables(node[k], found); });
    return found;
  }

  // The first reference to the context where there is none, that is, outside of
  // a path, a predicate or the like; '' if there is none.
  function rootless(node, inside) {
    if (node === null || typeof node !== 'object') return '';
    if (Array.isArray(node)) {
      for (var i = 0; i < node.length; i++) {
        var first = rootless(node[i], inside);
        if (first) return first;
      }
      return '';
    }
    switch (node.type) {
      case 'name': case 'wildcard': case 'descendant':
        if (!inside) return node.value;
        break;
      case 'variable':
        if (node.value === '$' || (node.value === '' && !inside)) return '$' + node.value;
        break;
      case 'path':
        for (var s = 0; s < node.steps.length; s++) {
          var found = rootless(node.steps[s], inside || s > 0);
          if (found) return found;
        }
        return rootless(node.group, true);
      case 'regex':
        return '';
    }
    var contextual = { predicate: 1, stages: 1, group: 1, terms: 1, pattern: 1, update: 1, 'delete': 1 };
    var keys = Object.keys(node);
    for (var k = 0; k < keys.length; k++) {
      var hit = rootless(node[keys[k]], inside || contextual[keys[k]] === 1);
      if (hit) return hit;
    }
    return '';
  }

  function fail(code, message) {
    throw { code: code, message: message };
  }

  // How many nodes of a syntax tree can be at work inside each other. Only a
  // lambda can make that more than the tree shows, or come back forever; and only
  // a range makes work of a short text without much of an input.
  function nesting(node) {
    if (node === null || typeof node !== 'object') return 0;
    if (node.type === 'lambda' || isRange(node)) return Infinity;
    return Object.keys(node).reduce(function (most, k) { return Math.max(most, nesting(node[k])); }, 0) + (node.type ? 1 : 0);
  }

  function isRange(node) { return node.type === 'binary' && node.value === '..'; }

  // The library calls enter and leave around each node that it evaluates, if the
  // limits could be reached. So many numbers of a range are one step: [1..900000]
  // is too much for AWS.
  var steps = 0, depth = 0, numbersPerStep = 4;
  function spend(n) {
    steps += n;
    if (steps > maxSteps) fail('U1001', 'Expression evaluation timeout: Check for infinite loop');
  }
  function enter() {
    spend(1);
    if (++depth > maxDepth) fail('U1001', 'Stack overflow error: Check for non-terminating recursive function.  Consider rewriting as tail-recursive.');
  }
  function leave(node, input, environment, result) {
    depth--;
    if (result && isRange(node)) spend(result.length / numbersPerStep);
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
    spend(Math.abs((last - first) / step) / numbersPerStep);
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
      if (nesting(expression.ast()) > maxDepth) {
        expression.assign(Symbol.for('jsonata.__evaluate_entry'), enter);
        expression.assign(Symbol.for('jsonata.__evaluate_exit'), leave);
      }
      expression.registerFunction('partition', partition, '<an:a>');
      expression.registerFunction('range', range, '<nnn:a>');
      expression.registerFunction('hash', host.hash, '<ss:s>');
      expression.registerFunction('random', host.random, '<n?:n>');
      expression.registerFunction('uuid', host.uuid, '<:s>');
      expression.registerFunction('parse', parse, '<s:x>');
      return expression;
    },
    variables: function (expression) {
      var found = variables(expression.ast(), Object.create(null));
      return Object.keys(found).filter(function (name) { return found[name] > 0; });
    },
    rootless: function (expression) { return rootless(expression.ast(), false); },
    evaluate: function (expression, input, bindings) {
      steps = depth = 0;
      return expression.evaluate(input, bindings);
    },
    parse: function (text) { return JSON.parse(text); }
  };
})
