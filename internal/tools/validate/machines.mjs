// Checks state machine definitions with two validators, and every JSONata
// expression with the version that AWS runs: asl-validator brings a newer one,
// which accepts operators that AWS refuses.
import { readFileSync } from 'node:fs'
import aslValidator from 'asl-validator'
import { getLanguageService } from 'amazon-states-language-service'
import jsonata from 'jsonata'

let failed = false
function report(file, message) {
  failed = true
  console.error(`${file}: ${message}`)
}

function* expressions(value, path = '') {
  if (typeof value === 'string') {
    if (value.startsWith('{%')) yield [path, value.slice(2, -2)]
  } else if (value && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) yield* expressions(inner, `${path}/${key}`)
  }
}

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8').replace(/\$\{(\w+)\}/g, 'arn:aws:lambda:us-east-1:123456789012:function:$1')
  const definition = JSON.parse(text)

  const { isValid, errors } = aslValidator(definition)
  if (!isValid) for (const error of errors) report(file, error.Message ?? JSON.stringify(error))

  const service = getLanguageService({})
  const uri = 'file:///machine.asl.json'
  const document = {
    uri, languageId: 'asl', version: 1, lineCount: text.split('\n').length, getText: () => text,
    positionAt: (offset) => {
      const before = text.slice(0, offset).split('\n')
      return { line: before.length - 1, character: before.at(-1).length }
    },
    offsetAt: ({ line, character }) => text.split('\n').slice(0, line).join('\n').length + (line > 0 ? 1 : 0) + character,
  }
  for (const problem of await service.doValidation(document, service.parseJSONDocument(document))) {
    report(file, `line ${problem.range.start.line + 1}: ${problem.message}`)
  }

  let count = 0
  for (const [path, source] of expressions(definition)) {
    count++
    try {
      jsonata(source)
    } catch (error) {
      report(file, `${path}: ${error.code}: ${error.message}`)
    }
  }
  console.log(`${file}: ${count} expressions`)
}
process.exit(failed ? 1 : 0)
