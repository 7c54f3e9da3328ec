/**
 * Draws the dashboard as HTML from its JSON and the answers of Prometheus: Grafana cannot be had everywhere. Titles,
 * places, units, limits and queries are the dashboard's own; the look is only like Grafana's.
 * @module
 */

const column = 60
const row = 30
const palette = [
  '#73bf69',
  '#f2cc0c',
  '#5794f2',
  '#ff9830',
  '#b877d9',
  '#ff7383',
  '#8ab8ff',
  '#96d98d',
  '#ffcb7d',
  '#ca95e5',
]
const limitColours = { green: '#73bf69', orange: '#ff9830', red: '#f2495c', blue: '#5794f2' }

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** A number in one of the dashboard's units. */
function inUnit(value, unit) {
  const short = (amount) => String(Number(amount.toPrecision(3)))
  if (unit === 'percentunit') return `${short(value * 100)}%`
  if (unit === 's')
    return value < 1 ? `${short(value * 1000)} ms` : value < 120 ? `${short(value)} s` : `${short(value / 60)} min`
  return unit === 'short' ? short(value) : `${short(value)}/s`
}

/**
 * @typedef {{ legend: string, values: [number, number][] }} Series
 * @param {object} dashboard
 * @param {(panel: object) => Series[]} seriesOf
 * @returns {string} HTML
 */
export function drawDashboard(dashboard, seriesOf) {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h))
  const boxes = dashboard.panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos
    const place = `left:${x * column}px;top:${y * row}px;width:${w * column - 8}px;height:${h * row - 8}px`
    if (panel.type === 'row') return `<div class="row" style="${place}">${escaped(panel.title)}</div>`
    const drawn = panel.type === 'stat' ? drawStat(panel, seriesOf(panel)) : drawLines(panel, seriesOf(panel))
    return `<div class="panel" style="${place}"><h2>${escaped(panel.title)}</h2>${drawn}</div>`
  })
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 16px; background: #111217; color: #ccccdc; font: 12px/1.4 sans-serif }
    .board { position: relative; width: ${24 * column}px; height: ${bottom * row}px }
    .panel { position: absolute; background: #181b1f; border: 1px solid #2c3235; border-radius: 2px }
    .row { position: absolute; font-size: 16px; line-height: ${row - 8}px }
    h1 { font-size: 20px; font-weight: 500; margin: 0 0 12px } h2 { font-size: 13px; font-weight: 500; margin: 6px 8px 0 }
    .big { font-size: 40px; text-align: center; margin-top: 4px }
    .legend { margin: 0 8px; height: 34px; overflow: hidden } .legend span { margin-right: 10px; white-space: nowrap }
    text { fill: #9a9aa8; font: 10px sans-serif }
  </style><h1>${escaped(dashboard.title)}</h1><div class="board">${boxes.join('')}</div>`
}

function drawStat({ fieldConfig: { defaults } }, [series]) {
  const value = series?.values.at(-1)?.[1]
  if (value === undefined) return '<div class="big">no data</div>'
  const step = defaults.thresholds.steps.findLast((each) => each.value === null || value >= each.value)
  return `<div class="big" style="color:${limitColours[step.color]}">${inUnit(value, defaults.unit)}</div>`
}

function drawLines({ gridPos: { w, h }, fieldConfig: { defaults } }, allSeries) {
  const series = allSeries.map((each) => ({
    ...each,
    values: each.values.filter(([, value]) => Number.isFinite(value)),
  }))
  const [width, height, left] = [w * column - 10, h * row - 80, 52]
  const times = series.flatMap(({ values }) => values.map(([at]) => at))
  const [start, end] = [Math.min(...times), Math.max(...times)]
  const limits = defaults.thresholds.steps.filter(({ value }) => value !== null)
  const highest = Math.max(0, ...series.flatMap(({ values }) => values.map(([, value]) => value)))
  const top = defaults.max ?? (highest * 1.1 || 1)
  const xOf = (at) => left + ((at - start) / (end - start || 1)) * (width - left - 8)
  const yOf = (value) => 12 + (1 - value / top) * (height - 28)
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = yOf(top * share)
    return `<line x1="${left}" x2="${width - 8}" y1="${y}" y2="${y}" stroke="#2c3235"/><text x="${left - 6}" y="${y + 3}" text-anchor="end">${inUnit(top * share, defaults.unit)}</text>`
  })
  const dashes = limits
    .filter(({ value }) => value <= top)
    .map(
      ({ value, color }) =>
        `<line x1="${left}" x2="${width - 8}" y1="${yOf(value)}" y2="${yOf(value)}" stroke="${limitColours[color]}" stroke-dasharray="6 4"/>`,
    )
  const lines = series.map(({ values }, index) => {
    const points = values.map(([at, value]) => `${xOf(at).toFixed(1)},${yOf(value).toFixed(1)}`)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${palette[index % palette.length]}" stroke-width="1.5"/>`
  })
  const legend = series.map(
    ({ legend: name }, index) =>
      `<span style="color:${palette[index % palette.length]}">&#9644; ${escaped(name)}</span>`,
  )
  return `<svg width="${width}" height="${height}">${[...marks, ...dashes, ...lines].join('')}</svg><div class="legend">${legend.join('')}</div>`
}
