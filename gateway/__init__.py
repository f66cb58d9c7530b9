"""The Linux gateway: reads dispensers by offset, keeps records in a spool, publishes them."""
