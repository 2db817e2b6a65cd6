import { app } from './lib/app.js'

const port = Number(process.env.PORT ?? 8080)
const server = app(process.env).listen(port, '0.0.0.0', () => console.log(`listens on ${port}`))

// Requests that have begun are answered.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
