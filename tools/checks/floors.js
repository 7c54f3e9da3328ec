/**
 * The floor check: each package imports only packages of lower floors, through their doors, in no circle;
 * and only `clock.ts` reads the clocks. The floors are the table in ARCHITECTURE.md, so the picture and the
 * rule cannot disagree.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import ts from 'typescript'

const clockFile = join('packages', 'rotation', 'src', 'clock.ts')
/** Names that read time, set timers or draw chance; everything but `clock.ts` is handed a Clock instead. */
const clockGlobals = new Set(['setTimeout', 'setInterval'])
const clockMembers = new Set(['Date.now', 'performance.now', 'Math.random', 'process.hrtime', 'AbortSignal.timeout'])

/**
 * Reads the floor table out of the architecture page.
 * @param {string} markdown
 * @returns {Map<string, number>} package folder to floor; packages "beside" the house are absent
 */
export function readFloors(markdown) {
  const floors = new Map()
  for (const [, floor, folder] of markdown.matchAll(/^\| (\d) \| `packages\/([a-z-]+)` \|/gm)) {
    floors.set(folder, Number(floor))
  }
  return floors
}

/**
 * @typedef {{ specifier: string, dynamic: boolean, typeOnly?: boolean, line: number }} Import
 * @typedef {{ file: string, imports: Import[], clockUses: { name: string, line: number }[] }} Module
 */

/** @param {string} file @param {string} text @returns {Module} */
export function readModule(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const module = { file, imports: [], clockUses: [] }
  const lineOf = (node) => source.getLineAndCharacterOfPosition(node.getStart()).line + 1
  const visit = (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const typeOnly = node.importClause?.isTypeOnly ?? node.isTypeOnly ?? false
      module.imports.push({ specifier: node.moduleSpecifier.text, dynamic: false, typeOnly, line: lineOf(node) })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      if (argument && ts.isStringLiteralLike(argument)) {
        module.imports.push({ specifier: argument.text, dynamic: true, line: lineOf(node) })
      }
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      // The type of something loaded later: it leaves no import behind.
      module.imports.push({ specifier: node.argument.literal.text, dynamic: true, line: lineOf(node) })
    }
    noteClockUse(node, module, lineOf)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return module
}

function noteClockUse(node, module, lineOf) {
  if (ts.isPropertyAccessExpression(node)) {
    const name = node.getText().replace(/^globalThis\./, '')
    if (clockMembers.has(name)) module.clockUses.push({ name, line: lineOf(node) })
  } else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && clockGlobals.has(node.expression.text)) {
    module.clockUses.push({ name: node.expression.text, line: lineOf(node) })
  } else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) {
    module.clockUses.push({ name: 'new Date()', line: lineOf(node) })
  }
}

/** @param {Module[]} modules @param {Map<string, number>} floors @returns {string[]} what is wrong, one line each */
export function judge(modules, floors) {
  return [...modules.flatMap((module) => judgeModule(module, floors)), ...circles(modules)]
}

function judgeModule(module, floors) {
  const findings = []
  const at = (line, text) => findings.push(`${module.file}:${line} ${text}`)
  const home = packageOf(module.file)
  for (const { specifier, dynamic, typeOnly, line } of module.imports) {
    if (specifier.startsWith('.')) {
      const target = packageOf(normalize(join(dirname(module.file), specifier)))
      if (target !== home) at(line, `reaches into another package by path: ${specifier}`)
      continue
    }
    if (/^(node:)?timers(\/|$)/.test(specifier)) at(line, `imports ${specifier}; take a Clock instead`)
    const target = /^@chaveiro\/([a-z-]+)(\/.*)?$/.exec(specifier)
    if (!target || target[1] === home) continue
    if (/\/(src|dist)\//.test(target[2] ?? '')) at(line, `goes past the door of @chaveiro/${target[1]}: ${specifier}`)
    // A type leaves nothing behind in the code that runs, so it loads nothing.
    const problem = judgeFloor(home, target[1], dynamic || typeOnly, floors)
    if (problem) at(line, problem)
  }
  if (module.file !== clockFile) {
    for (const { name, line } of module.clockUses) at(line, `uses ${name}; take a Clock instead`)
  }
  return findings
}

function judgeFloor(home, target, loadsLate, floors) {
  if (target === 'dev') return loadsLate ? undefined : '@chaveiro/dev is loaded by import() only'
  if (!floors.has(target)) return `@chaveiro/${target} is on no floor of ARCHITECTURE.md`
  if (home === 'dev') return undefined
  if (!floors.has(home)) return `packages/${home} is on no floor of ARCHITECTURE.md`
  if (floors.get(target) < floors.get(home)) return undefined
  return `floor ${floors.get(home)} (${home}) imports floor ${floors.get(target)} (${target})`
}

const packageOf = (file) => file.split(sep)[1]

/** Circles of files, by a depth-first walk; each is reported once, from its first file. */
function circles(modules) {
  const edges = new Map(modules.map((module) => [module.file, localImports(module)]))
  const findings = []
  const done = new Set()
  const walk = (file, trail) => {
    const start = trail.indexOf(file)
    if (start >= 0) findings.push(`circle: ${[...trail.slice(start), file].join(' -> ')}`)
    if (start >= 0 || done.has(file)) return
    for (const next of edges.get(file) ?? []) walk(next, [...trail, file])
    done.add(file)
  }
  for (const file of edges.keys()) walk(file, [])
  return findings
}

const localImports = (module) =>
  module.imports
    .filter(({ specifier, dynamic }) => specifier.startsWith('.') && !dynamic)
    .map(({ specifier }) => normalize(join(dirname(module.file), specifier)).replace(/\.js$/, '.ts'))

/** @param {string} root the checkout @returns {Module[]} */
export function readPackages(root) {
  const files = readdirSync(join(root, 'packages')).flatMap((name) => {
    const folder = join(root, 'packages', name, 'src')
    return readdirSync(folder, { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file))
  })
  return files.map((file) => readModule(relative(root, file), readFileSync(file, 'utf8')))
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, '..', '..')
  const floors = readFloors(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
  const modules = readPackages(root)
  const findings = judge(modules, floors)
  for (const finding of findings) console.error(finding)
  console.log(`floors: ${modules.length} modules in ${floors.size} floored packages, ${findings.length} findings`)
  process.exitCode = findings.length > 0 ? 1 : 0
}
