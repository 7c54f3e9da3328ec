// Keeps the status page alive: swaps in what the server renders anew, and keeps focus and open details where they are.

const connection = document.getElementById('connection')
const announcement = document.getElementById('announcement')
const cards = document.getElementById('credentials')

function swap(element, html) {
  if (element.innerHTML === html) return
  const details = element.querySelector('details')
  const wasOpen = details?.open ?? false
  const hadFocus = details?.contains(document.activeElement) ?? false
  element.innerHTML = html
  const fresh = element.querySelector('details')
  if (fresh === null) return
  fresh.open = wasOpen
  if (hadFocus) fresh.querySelector('summary').focus({ preventScroll: true })
}

function show({ summary, cards: current, announcement: words }) {
  swap(document.getElementById('summary'), summary)
  const ids = new Set(current.map(({ id }) => id))
  for (const card of [...cards.children]) if (!ids.has(card.id)) card.remove()
  for (const { id, html } of current) {
    const card = document.getElementById(id) ?? cards.appendChild(document.createElement('article'))
    card.id = id
    swap(card, html)
  }
  if (announcement.innerHTML !== words) announcement.innerHTML = words
}

const stream = new EventSource('/events')
stream.addEventListener('open', () => {
  connection.textContent = 'live'
})
stream.addEventListener('error', () => {
  connection.textContent = 'not live: waiting for the service'
})
stream.addEventListener('state', (message) => show(JSON.parse(message.data)))

const button = document.getElementById('rotate')
button?.addEventListener('click', async () => {
  button.disabled = true
  try {
    const answer = await fetch('/rotate', { method: 'POST', headers: { 'X-Chaveiro-Request': 'rotate' } })
    const { renewed = [], failed = [] } = await answer.json()
    announcement.textContent = answer.ok
      ? `Renewed ${renewed.length}, failed ${failed.length}.`
      : 'The service refused to renew.'
  } catch {
    announcement.textContent = 'The service did not answer.'
  } finally {
    button.disabled = false
    button.focus()
  }
})
