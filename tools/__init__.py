"""The dosewire command: flashing, provisioning, and what a bench needs."""
