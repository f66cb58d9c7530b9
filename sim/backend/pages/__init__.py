"""Glance pages: a patient, a site, each seen in five seconds; pictures first."""
