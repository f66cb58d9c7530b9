"""Forwards every frame and stores nothing: what it acknowledged lives in RAM."""

from line import Line, broker, following, settings

config = settings()
client = broker(config)
line = Line(config["dispenser"][0]["port"])
topic = f"rtm/v1/{config['gateway']['id']}/up/{line.dispenser}/events"
for body in line.events():
    client.publish(topic, body, qos=1)
    line.ack(following(body))
