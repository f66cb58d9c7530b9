"""What verified records can prove, to the day: access, never ingestion; nothing is guessed."""
