import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { app } from '../lib/app.js'
import { encode, parse } from '../lib/redis.js'

const server = app({ REDIS_URL: process.env.REDIS_URL, ADMIN_TOKEN: 'of-the-tests' })
let address = ''

before(() => new Promise(ready => server.listen(0, '127.0.0.1', () => {
  address = `http://127.0.0.1:${server.address().port}`
  ready()
})))
after(() => server.close())

const put = (name, token, body) => fetch(`${address}/${name}`, {
  method: 'PUT', headers: { authorization: `Bearer ${token}` }, body,
})

test('is well while Redis answers', async () => {
  const answer = await fetch(`${address}/health`)
  assert.equal(await answer.text(), 'PONG')
})

test('a name leads to its address', async () => {
  assert.equal((await put('docs', 'of-the-tests', 'https://docs.example.com/')).status, 201)
  const answer = await fetch(`${address}/docs`, { redirect: 'manual' })
  assert.equal(answer.headers.get('location'), 'https://docs.example.com/')
})

test('only with the token, and only to an address', async () => {
  assert.equal((await put('other', 'wrong', 'https://docs.example.com/')).status, 401)
  assert.equal((await put('other', 'of-the-tests', 'nonsense')).status, 422)
  assert.equal((await fetch(`${address}/other`)).status, 404)
})

test('answers of Redis that come in parts', () => {
  assert.deepEqual(parse('$5\r\nhel'), [])
  assert.deepEqual(parse('$5\r\nhello\r\n:3\r\n$-1\r\n'), ['hello', 3, null])
  assert.equal(encode(['GET', 'é']), '*2\r\n$3\r\nGET\r\n$2\r\né\r\n')
})
