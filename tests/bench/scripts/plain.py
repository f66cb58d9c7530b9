"""Stores every frame (SQLite, WAL, FULL), acknowledges, publishes: the plainest durable way."""

import sqlite3

from line import Line, broker, following, settings

config = settings()
client = broker(config)
db = sqlite3.connect(config["gateway"]["data"] + ".db", isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE IF NOT EXISTS frames(id INTEGER PRIMARY KEY, body BLOB)")
line = Line(config["dispenser"][0]["port"])
topic = f"rtm/v1/{config['gateway']['id']}/up/{line.dispenser}/events"
for body in line.events():
    db.execute("INSERT INTO frames(body) VALUES(?)", (body,))
    line.ack(following(body))
    client.publish(topic, body, qos=1)
