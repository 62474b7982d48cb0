"""Jobs: their records and events on disk, the queue, and one worker process per device."""
