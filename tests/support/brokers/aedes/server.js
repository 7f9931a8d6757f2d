// An aedes broker for tests: node server.js PORT. Everybody may do everything, save subscribe to "refused".
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

const broker = await Aedes.createBroker()
broker.authorizeSubscribe = (client, subscription, done) =>
  done(null, subscription.topic === 'refused' ? null : subscription)
const server = createServer(broker.handle)
server.listen(Number(process.argv[2]), '127.0.0.1')
process.on('SIGTERM', () => {
  broker.close(() => process.exit(0))
})
