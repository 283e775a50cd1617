-- name: rules_with_plain_addresses
-- Some rules of all organizations that hold a whole address in plain text, once addresses are sealed.
SELECT organization_id, id FROM rules_with_plain_addresses(:limit);

-- name: shorten_targets$
-- Reduce the targets of the next deliveries of all organizations to their host; the last one's id, or null at the end.
SELECT shorten_targets(:after, :limit);

-- name: adopt_deliveries$
-- Enqueue pending attempts of all organizations that have no job, and count them.
SELECT adopt_deliveries();
