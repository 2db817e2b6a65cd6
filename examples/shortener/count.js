// Counts the names. The number itself is a key, too.
import { command } from './lib/redis.js'

const url = process.env.REDIS_URL
await command(url, 'SETNX', 'count', 0)
const count = (await command(url, 'DBSIZE')) - 1
await command(url, 'SET', 'count', count)
console.log(`${count} names`)
