import fs from 'node:fs'
import http from 'node:http'
import { command } from './redis.js'

const style = fs.readFileSync(new URL('../public/style.css', import.meta.url))
const NAME = /^\/([a-z0-9-]{1,40})$/

// environment: REDIS_URL, ADMIN_TOKEN. Names are set by whoever has the token.
export function app(environment) {
  const redis = (...words) => command(environment.REDIS_URL, ...words)

  async function answer(request, response) {
    const { pathname } = new URL(request.url, 'http://localhost')
    if (pathname === '/health') return send(response, 200, await redis('PING'))
    if (pathname === '/style.css') return send(response, 200, style, 'text/css')
    if (pathname === '/') return send(response, 200, await page(redis), 'text/html')
    const name = NAME.exec(pathname)?.[1]
    if (name && request.method === 'PUT') return put(request, response, name)
    const target = name && (await redis('GET', `to:${name}`))
    if (!target) return send(response, 404, 'no such name\n')
    response.setHeader('location', target)
    return send(response, 302, '')
  }

  async function put(request, response, name) {
    if (request.headers.authorization !== `Bearer ${environment.ADMIN_TOKEN}`) {
      return send(response, 401, 'wrong token\n')
    }
    let target = ''
    for await (const part of request) target += part
    if (!URL.canParse(target)) return send(response, 422, 'expected an address\n')
    await redis('SET', `to:${name}`, target)
    return send(response, 201, `${name}\n`)
  }

  return http.createServer((request, response) => {
    answer(request, response).catch(error => {
      console.error(`${request.method} ${request.url}: ${error.message}`)
      send(response, 503, 'not now\n')
    })
  })
}

async function page(redis) {
  const count = (await redis('GET', 'count')) ?? 0
  return `<!doctype html>
<title>Short names</title>
<link rel="stylesheet" href="/style.css">
<h1>Short names</h1>
<p>There are ${count}.</p>
`
}

function send(response, status, body, type = 'text/plain') {
  response.statusCode = status
  response.setHeader('content-type', `${type}; charset=utf-8`)
  response.end(body)
}
