"""Everything about one topic, together: a folder each."""
