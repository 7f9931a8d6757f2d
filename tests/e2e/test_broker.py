"""The broker comes late, goes away, comes back and says no."""
from harness.wait import wait_until


def answers(world, broker, replies, text):
    """A message published now is answered."""
    world.client(broker).publish("in", text.encode())
    replies.expect_payloads([text.encode()])
    return True


def test_a_broker_that_is_down_at_start_is_waited_for(world):
    broker = world.broker(start=False)
    gateway = world.gateway(broker, {"in": "c"}, ready=False, connection={"maxReconnectInterval": "1s"})
    world.echo_worker(gateway, chain="c", reply_topic="out")
    assert gateway.get("/healthz")[0] == 200
    gateway.wait_not_ready("plant")

    broker.start()

    gateway.wait_ready()
    assert answers(world, broker, world.subscriber(broker, "out"), "hello")


def test_a_killed_broker_that_comes_back_with_its_sessions_loses_nothing(world):
    broker = world.broker(persistent=True)
    gateway = world.gateway(broker, {"in": "c"}, connection={"maxReconnectInterval": "1s"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    replies = world.client(broker, session=True).subscribe("out")
    payloads = [f"{i}".encode() for i in range(50)]
    world.client(broker).publish_all([("in", payload) for payload in payloads])
    deliveries = worker.expect_deliveries(50)

    broker.kill()
    gateway.wait_not_ready("plant")
    worker.answer(*deliveries, topic="out")  # Nobody to publish to: kept.
    broker.start()

    replies.expect_payloads(payloads, seconds=30)
    world.client(broker).publish("in", b"after")

    def answered():
        # The broker may have forgotten acknowledgements and send messages again: at least once.
        worker.answer(*worker.expect_deliveries(len(worker.deliveries) - worker.taken), topic="out")
        return b"after" in replies.payloads()

    wait_until(answered, "the reply to a message published afterwards")


def test_replies_of_an_outage_are_published_when_the_broker_is_back(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"}, connection={"maxReconnectInterval": "1s"})
    worker = world.raw_worker(gateway)
    worker.hello("c")
    world.client(broker).publish_all([("in", f"{i}".encode()) for i in range(20)])
    deliveries = worker.expect_deliveries(20)
    broker.kill()
    gateway.wait_not_ready("plant")

    for delivery in deliveries:
        worker.reply(delivery, topic="kept", qos=1, retain=True, payload=delivery.payload,
                     reply_id=delivery.delivery_id)
    worker.settle(*deliveries)
    broker.start()

    assert {result.code for result in worker.expect_results(20, seconds=30)} == {0}
    # Retained, so that it does not matter who subscribed when: the last one is there.
    [message] = world.subscriber(broker, "kept").expect(1)
    assert message.payload == deliveries[-1].payload


def test_a_broker_that_forgot_the_session_is_subscribed_to_again(world):
    broker = world.broker()  # Not persistent: a restart forgets everything.
    gateway = world.gateway(broker, {"in": "c"}, connection={"maxReconnectInterval": "1s"})
    world.echo_worker(gateway, chain="c", reply_topic="out")
    assert answers(world, broker, world.subscriber(broker, "out"), "before")

    for round_ in range(2):
        broker.kill()
        gateway.wait_not_ready("[-] connection plant:")
        broker.start()
        gateway.wait_ready()
        assert answers(world, broker, world.subscriber(broker, "out"), f"after {round_}")


def test_a_broker_that_forgot_the_shared_subscriptions_of_a_session_is_asked_for_them_again(world):
    broker = world.broker(persistent=True)
    gateway = world.gateway(broker, {"$share/g/in": "c"}, connection={"maxReconnectInterval": "1s"})
    world.echo_worker(gateway, chain="c", reply_topic="out")
    assert answers(world, broker, world.subscriber(broker, "out"), "before")

    broker.stop()
    gateway.wait_not_ready("[-] connection plant:")
    broker.start()
    gateway.wait_ready()

    assert any(event["session_present"] for event in gateway.events("mqtt connected")[2:]), "the session was lost, too"
    assert answers(world, broker, world.subscriber(broker, "out"), "after")


def test_messages_of_the_gateways_absence_wait_in_its_session(world):
    broker = world.broker()
    gateway = world.gateway(broker, {"in": "c"})
    assert gateway.stop() == 0
    payloads = [f"{i}".encode() for i in range(50)]
    world.client(broker).publish_all([("in", payload) for payload in payloads])

    gateway.restart()
    world.echo_worker(gateway, chain="c", reply_topic="out")

    world.subscriber(broker, "out").expect_payloads(payloads)


def test_a_wrong_password_shows_in_readiness_and_log_and_is_retried(world):
    broker = world.broker(users={"gateway": "right", "test": "test"})
    gateway = world.gateway(broker, {"in": "c"}, ready=False,
                            connection={"username": "gateway", "password": "wr0ng-s3cret", "maxReconnectInterval": "1s"})
    gateway.wait_not_ready("connection plant")
    wait_until(lambda: "uthori" in gateway.readiness() or "user name or password" in gateway.readiness(),
               lambda: f"the reason in /readyz: {gateway.readiness()}")
    attempts = gateway.metric("sluice_mqtt_connects_total")
    gateway.wait_metric("sluice_mqtt_connects_total", lambda now: now > attempts + 1)
    assert gateway.get("/healthz")[0] == 200
    assert "wr0ng-s3cret" not in gateway.process.log() + gateway.readiness() + gateway.get("/metrics")[1]
    assert "plant" in gateway.process.log()


def test_user_and_password_are_used(world):
    broker = world.broker(users={"gateway": "right", "test": "test"})
    gateway = world.gateway(broker, {"in": "c"}, connection={"username": "gateway", "password": "right"})
    world.echo_worker(gateway, chain="c", reply_topic="out")
    client = world.client(broker, username="test", password="test")
    client.subscribe("out")
    client.publish("in", b"x")
    assert client.expect(1)[0].payload == b"x"
