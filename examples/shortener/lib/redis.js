// As much of Redis' protocol as a few commands need; each on a connection of its own.
import net from 'node:net'

const WAIT_MS = 2000

// command(url, 'GET', 'name'): a string, a number or null. Rejects if Redis refuses or is away.
export function command(url, ...words) {
  const { hostname, port, password } = new URL(url)
  const asked = password ? [['AUTH', decodeURIComponent(password)], words] : [words]
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port || 6379) })
    let heard = ''
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('Redis does not answer')))
    socket.on('error', reject)
    socket.on('connect', () => socket.write(asked.map(encode).join('')))
    socket.on('data', part => {
      heard += part
      const answers = parse(heard)
      if (answers.length < asked.length) return
      socket.end()
      const refused = answers.find(one => one instanceof Error)
      if (refused) reject(refused)
      else resolve(answers.at(-1))
    })
  })
}

export function encode(words) {
  const parts = words.map(String).map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
  return `*${words.length}\r\n${parts.join('')}`
}

// The answers that are whole.
export function parse(text) {
  const found = []
  let rest = text
  for (;;) {
    const end = rest.indexOf('\r\n')
    if (end < 0) return found
    const [kind, value] = [rest[0], rest.slice(1, end)]
    rest = rest.slice(end + 2)
    if (kind === '+') found.push(value)
    else if (kind === ':') found.push(Number(value))
    else if (kind === '-') found.push(new Error(value))
    else if (value === '-1') found.push(null)
    else {
      const size = Number(value)
      if (rest.length < size + 2) return found
      found.push(rest.slice(0, size))
      rest = rest.slice(size + 2)
    }
  }
}
