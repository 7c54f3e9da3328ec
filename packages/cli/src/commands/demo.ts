/**
 * `chaveiro demo`: the main job, live.
 * @module
 */
import type { Command } from 'commander'
import { exitCode } from '../exit-code.js'
import { parseSpanMs } from '../input.js'
import { loadDev } from '../load-dev.js'
import type { Outcome } from '../outcome.js'
import { withExamples } from '../output.js'
import { paintFor, type Terminal } from '../terminal.js'
import { DemoLog } from '../view/demo-log.js'
import { drawDemo } from '../view/demo-view.js'
import { LiveScreen } from '../view/live-screen.js'

interface DemoOptions {
  readonly real?: boolean
  readonly for?: number
  readonly plain?: boolean
}

export function addDemoCommand(program: Command, terminal: Terminal, outcome: Outcome): void {
  const demo = program
    .command('demo')
    .description('the main job, live: three services that own no secret, and an intruder')
    .option('--real', 'on HashiCorp Vault and SPIRE, built by npm run servers, in place of the embedded servers')
    .option('--for <duration>', 'end by itself after this time of work, such as 60s or 5m', parseSpanMs)
    .option('--plain', 'one line for each thing that happens, in place of the live view')
    .action(async ({ real = false, for: forMs, plain = false }: DemoOptions) => {
      const { runDemo } = await loadDev()
      const show = plain || !terminal.stderr.isTTY ? plainShow(terminal) : liveShow(terminal)
      try {
        const summary = await runDemo({ real, forMs, note: show.note, onView: show.view, signal: terminal.stop })
        terminal.stdout.write(`${JSON.stringify(summary, null, 2)}\n`)
        outcome.code = summary.ok ? exitCode.ok : exitCode.failed
      } finally {
        show.close()
      }
    })
  withExamples(demo, [
    ['chaveiro demo', 'Watch it, until Ctrl-C:'],
    ['chaveiro demo --for 60s --plain | jq .ok', 'Let it run for a minute and keep the verdict:'],
    ['chaveiro demo --real --for 90s', 'The same on Vault and SPIRE:'],
  ])
}

type View = Parameters<typeof drawDemo>[0]

/** How the demo is shown. */
interface Show {
  readonly note: (line: string) => void
  readonly view: (view: View) => void
  readonly close: () => void
}

function plainShow({ stderr }: Terminal): Show {
  const note = (line: string): void => void stderr.write(`${line}\n`)
  const log = new DemoLog(note)
  return { note, view: (view) => log.view(view), close: () => {} }
}

function liveShow(terminal: Terminal): Show {
  const screen = new LiveScreen(terminal)
  const paint = paintFor(terminal)
  return {
    note: (line) => screen.line(paint('dim', line)),
    view: (view) => screen.draw(drawDemo(view, paint)),
    close: () => screen.close(),
  }
}
