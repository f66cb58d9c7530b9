"""The simulated world: boards, broker, ledger, patients, and the reference backend."""
