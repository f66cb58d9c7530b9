"""The reference RTM backend: verifies, stores and confirms what gateways publish."""
