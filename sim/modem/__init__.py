"""A simulated cellular modem: card, network, commands, quirks and faults, behind a PTY."""
