"""What breaks on the way: gateway, broker, backend, line."""

from sim.scenario import Scenario, at_least, count, faults, refused

_SMOKE = frozenset({"smoke"})

SCENARIOS = (
    Scenario(
        "three-weeks-without-uplink",
        "The operator's mast is down for three weeks; then everything arrives.",
        days=23,
        patients={"d1": "regular"},
        diary="day 1 22:00  fault broker_down for 21 d",
        expect=(at_least("dose", 40), faults("broker_down")),
        tags=frozenset({"slow"}),
    ),
    Scenario(
        "broker-away",
        "No broker for a quarter of an hour, in which a dose is taken.",
        days=0.02,
        diary="""
            day 1 00:02  fault broker_down for 15 min
            day 1 00:05  open; take 1; close
            day 1 00:10  press 4
        """,
        expect=(count("dose", 1), faults("broker_down")),
        tags=_SMOKE,
    ),
    Scenario(
        "backend-away-overnight",
        "The backend is updated at night and takes its time.",
        days=0.2,
        diary="""
            day 1 00:10  fault backend_down for 4 h
            day 1 01:00  open; take 1; close
            day 1 03:00  press 3
        """,
        expect=(count("dose", 1), faults("backend_down")),
    ),
    Scenario(
        "backend-restored-from-last-week",
        "The backend's disk dies; the backup of a week ago is all there is.",
        days=9,
        patients={"d1": "regular"},
        diary="""
            day 1 23:00  fault backend_restored
            day 8 11:00  heal backend_restored
        """,
        expect=(at_least("dose", 15), faults("backend_restored")),
        tags=frozenset({"slow"}),
    ),
    Scenario(
        "gateway-swapped",
        "A technician swaps the gateway; the old one's spool is gone with what it held.",
        days=0.2,
        diary="""
            day 1 00:10  open; take 1; close
            day 1 01:00  fault broker_down for 1 h
            day 1 01:10  open; take 2; close
            day 1 01:20  fault gateway_replaced for 30 min
            day 1 01:30  press 2
            day 1 04:00  open; take 1; close
        """,
        expect=(count("dose", 3), faults("gateway_replaced", "broker_down")),
    ),
    Scenario(
        "record-forged-in-the-spool",
        "Somebody changes a record in the gateway: refused, named, read again.",
        days=0.02,
        diary="""
            day 1 00:02  fault broker_down for 15 min
            day 1 00:05  open; take 1; close
            day 1 00:10  fault record_altered_in_spool for 2 min
        """,
        expect=(count("dose", 1), refused(1), faults("record_altered_in_spool")),
        tags=_SMOKE,
    ),
    Scenario(
        "lost-right-after-ack",
        "The dispenser is lost and the gateway dies in the moment a record is acknowledged.",
        days=0.01,
        diary="""
            day 1 00:03  fault dispenser_lost_after_ack d1
            day 1 00:04  press 3
        """,
        expect=(count("response", 1, button=3), faults("dispenser_lost_after_ack")),
        tags=_SMOKE,
    ),
    Scenario(
        "all-lost-after-puback",
        "The broker takes the records, the backend hangs; then dispenser and broker are lost.",
        days=0.02,
        diary="""
            day 1 00:02  fault backend_frozen for 12 min
            day 1 00:03  open; take 1; close
            day 1 00:06  fault dispenser_lost d1
            day 1 00:07  fault broker_down for 2 min
        """,
        expect=(count("dose", 1), faults("dispenser_lost", "broker_down")),
        tags=_SMOKE,
    ),
    Scenario(
        "disk-full-and-then-lost",
        "The gateway's disk is full; then there is room, and the dispenser is lost after an ACK.",
        days=0.01,
        diary="""
            day 1 00:02  fault dispenser_lost_after_ack d1
            day 1 00:03  fault gateway_disk_full for 9 s
            day 1 00:03:04  open; take 1; close
        """,
        expect=(count("dose", 1), faults("dispenser_lost_after_ack", "gateway_disk_full")),
    ),
    Scenario(
        "gateway-killed-again-and-again",
        "The gateway dies three times in an hour while doses are taken.",
        days=0.03,
        diary="""
            day 1 00:02  fault gateway_killed for 5 min
            day 1 00:04  open; take 1; close
            day 1 00:12  fault gateway_killed for 5 min
            day 1 00:14  press 2
            day 1 00:22  fault gateway_killed for 5 min
            day 1 00:26  open; take 2; close
        """,
        expect=(count("dose", 2), faults("gateway_killed")),
    ),
    Scenario(
        "spool-corrupt",
        "The gateway's SD card spoils the spool while the uplink is down.",
        days=0.06,
        diary="""
            day 1 00:05  fault broker_down for 1 h
            day 1 00:15  open; take 1; close
            day 1 00:25  fault spool_corrupt for 10 min
            day 1 00:45  open; take 2; close
        """,
        expect=(count("dose", 2), faults("broker_down", "spool_corrupt")),
    ),
    Scenario(
        "servers-in-trouble",
        "An evening on which broker and backend stand still, refuse, crawl and cannot write.",
        days=0.1,
        diary="""
            day 1 00:05  fault broker_frozen for 4 min
            day 1 00:08  open; take 1; close
            day 1 00:30  fault broker_refusing for 10 min
            day 1 00:33  press 3
            day 1 01:00  fault broker_slow for 1 min
            day 1 01:00  open; take 2; close
            day 1 01:20  fault backend_slow for 1 min
            day 1 01:20  press 2
            day 1 01:40  fault backend_rejecting for 10 min
            day 1 01:42  open; take 3; close
        """,
        expect=(
            count("dose", 3),
            count("response", 2),
            faults(
                "broker_frozen",
                "broker_refusing",
                "broker_slow",
                "backend_slow",
                "backend_rejecting",
            ),
        ),
    ),
    Scenario(
        "gateway-in-trouble",
        "The gateway stands still, begins in 1970, and its certificates are no good.",
        days=0.12,
        diary="""
            day 1 00:05  fault gateway_frozen for 10 min
            day 1 00:08  open; take 1; close
            day 1 00:30  fault gateway_clock_wrong for 20 min
            day 1 00:35  press 3
            day 1 01:10  fault certificate_expired for 20 min
            day 1 01:15  open; take 2; close
            day 1 01:50  fault certificate_revoked for 20 min
            day 1 01:55  press 2
        """,
        expect=(
            count("dose", 2),
            count("response", 2),
            faults(
                "gateway_frozen",
                "gateway_clock_wrong",
                "certificate_expired",
                "certificate_revoked",
            ),
        ),
    ),
    Scenario(
        "gateway-loses-its-power",
        "The mains fail under the gateway: what it had written and not synced is gone.",
        days=0.03,
        diary="""
            day 1 00:02  fault gateway_unsynced_lost for 20 min
            day 1 00:05  open; take 1; close
            day 1 00:10  press 3
        """,
        expect=(count("dose", 1), count("response", 1), faults("gateway_unsynced_lost")),
    ),
    Scenario(
        "read-by-two-gateways",
        "The dispenser is carried between two rooms with a gateway each.",
        days=0.15,
        gateways=("gw-1", "gw-2"),
        diary="""
            day 1 00:10  open; take 1; close
            day 1 00:30  fault cable_in_other_gateway d1 for 2 h
            day 1 01:00  open; take 2; close
            day 1 03:00  open; take 2; close
        """,
        expect=(count("dose", 3), faults("cable_in_other_gateway")),
    ),
    Scenario(
        "noisy-line",
        "A bad cable flips, drops and doubles bytes for two hours.",
        days=0.12,
        diary="""
            day 1 00:05  fault line_noisy d1 for 2 h
            day 1 00:20  open; take 1; close; press 2
            day 1 00:50  open; take 2; take 3; close
            day 1 01:20  open; take 4; close
        """,
        expect=(count("dose", 4), faults("line_noisy")),
    ),
    Scenario(
        "two-patients-one-gateway",
        "A couple, one gateway, and a broker that stumbles.",
        days=0.1,
        dispensers=("d1", "d2"),
        diary="""
            day 1 00:05  fault broker_down for 1 h
            day 1 00:10  d1: open; take 1; close
            day 1 00:10  d2: open; take 1; take 2; close
            day 1 00:40  d2: press 2
            day 1 02:00  d1: open; take 2; close
        """,
        expect=(count("dose", 2), count("dose", 2, "d2"), faults("broker_down")),
    ),
)
