-- schemamig:revision 0031_archive_events_of_2023
-- schemamig:message take the events of 2023 out of the way
-- schemamig:parents 0030_open_stock

-- schemamig:up
ALTER TABLE order_event DETACH PARTITION order_event_2023 CONCURRENTLY;

-- schemamig:down
-- The range is known to hold from the CHECK that DETACH left behind, so
-- nothing is read; after that the CHECK says nothing new.
ALTER TABLE order_event ATTACH PARTITION order_event_2023
	FOR VALUES FROM ('2023-01-01 00:00+00') TO ('2024-01-01 00:00+00');
ALTER TABLE order_event_2023
	DROP CONSTRAINT order_event_2023_occurred_at_check;
