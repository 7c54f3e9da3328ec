import { alertGroups, renderRules, runbookUrl } from '@chaveiro/monitoring'
import { expect, it } from 'vitest'
import { describeReal } from '../support/real.js'
import { type Course, healthyDay } from './day.js'
import { blipSpan, type Fault, faultSpan, faults } from './faults.js'
import { type Expectation, promtool, testRules } from './promtool.js'

const rules = alertGroups.flatMap(({ rules }) => rules)
const minutesOf = (from: number, to: number, step = 1): number[] =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step)

/** No alert at any of these minutes. */
const silence = (minutes: readonly number[], alerts = rules.map(({ alert }) => alert)): Expectation[] =>
  minutes.flatMap((minute) => alerts.map((alert) => ({ minute, alert, firings: [] })))

function firing({ alert, firesAt, labels, description }: Fault): Expectation {
  const rule = rules.find((each) => each.alert === alert)
  if (rule === undefined) throw new Error(`there is no alert ${alert}`)
  const annotations = { summary: rule.summary, description, runbook_url: runbookUrl(alert) }
  return {
    minute: firesAt,
    alert,
    firings: [{ exp_labels: { ...labels, severity: rule.severity }, exp_annotations: annotations }],
  }
}

describeReal('alerts, as Prometheus evaluates them', ['prometheus'], () => {
  it('are rules that promtool accepts', async () => {
    const said = await promtool({ 'rules.yaml': renderRules() }, (folder) => ['check', 'rules', `${folder}/rules.yaml`])
    expect(said).toContain(`SUCCESS: ${rules.length} rules found`)
  })

  it('have a rehearsed fault each', () => {
    expect(faults.map(({ alert }) => alert)).toEqual(rules.map(({ alert }) => alert))
  })

  it('are silent on a healthy day of 24 hours', { timeout: 60_000 }, async () => {
    await testRules(healthyDay().render(24 * 60), silence(minutesOf(1, 24 * 60, 7)))
  })

  it('are silent when the process is restarted: a gap, then counters from zero', async () => {
    const day = healthyDay()
    day.changeAll((course, isCounter) => restarted(course, isCounter))
    await testRules(day.render(240), silence(minutesOf(115, 240)))
  })

  it.each(faults)('$alert: silent on one blip', async ({ put }) => {
    const day = healthyDay()
    put(day, blipSpan)
    await testRules(day.render(240), silence(minutesOf(118, 200)))
  })

  it.each(faults)('$alert: fires in its fault, and is over after it', async (fault) => {
    const day = healthyDay()
    fault.put(day, faultSpan)
    const before = silence([faultSpan.from], [fault.alert])
    const after = silence(minutesOf(fault.overBy, 240), [fault.alert])
    await testRules(day.render(240), [...before, firing(fault), ...after])
  })
})

/** Not there for three scrapes from minute 120 on; what had been counted is forgotten. */
function restarted(course: Course, isCounter: boolean): Course {
  return (minute) => {
    if (minute < 120) return course(minute)
    if (minute < 123) return undefined
    return isCounter ? course(minute - 123) : course(minute)
  }
}
