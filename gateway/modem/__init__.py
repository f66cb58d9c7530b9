"""The cellular modem: commands, their meaning, kinds of modems, and its recovery."""
