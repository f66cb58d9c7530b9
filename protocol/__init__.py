"""The one definition of Dosewire's bytes: records, messages, frames, chain and topics."""
