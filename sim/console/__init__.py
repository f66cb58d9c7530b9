"""The console: a world in the browser, to be used and broken by hand."""
