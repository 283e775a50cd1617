-- name: scored_chunks
-- The distances and metadata of a run's chunks after one of them, in order.
SELECT process_order, first_sample, array_send(monitor_values) AS distance, metadata::text AS metadata,
       NULL::bytea AS packed
FROM monitor_series WHERE analysis_id = :analysis_id AND process_order > :after
UNION ALL
SELECT process_order, first_sample, NULL, NULL, packed
FROM monitor_packed WHERE analysis_id = :analysis_id AND process_order > :after
ORDER BY process_order LIMIT :limit;

-- name: severities_of_run
-- The severity of each anomaly of a run.
SELECT sample_index, severity FROM anomalies WHERE analysis_id = :analysis_id;

-- name: unsummarized_runs
-- Completed runs of all organizations without a summary: older than summaries, or imported.
SELECT analysis_id, organization FROM unsummarized_runs(:limit);

-- name: lock_machine_state!
-- Lock the sums of a machine until the transaction ends, even before its first run.
INSERT INTO machine_states (machine_id, organization_id)
SELECT id, organization_id FROM machine_refs WHERE id = :machine_id
ON CONFLICT (machine_id) DO UPDATE SET organization_id = excluded.organization_id;

-- name: last_times_of_runs
-- When the newest sample of each of some runs was taken.
SELECT analysis_id, last_at FROM run_summaries WHERE analysis_id = ANY (:ids::uuid[]);

-- name: insert_run_summary$
-- What remains of a completed run; facts that its analysis has are taken from there.
WITH summarized AS (
    UPDATE analyses SET summarized = true
    WHERE id = :analysis_id AND NOT summarized AND status = 'completed' RETURNING *
)
INSERT INTO run_summaries (analysis_id, organization_id, machine_id, completed_at, samples, anomalies, max_ratio,
                           state, reasons, wear, first_at, last_at, data_until, bucket_at, bucket_samples,
                           bucket_anomalies, bucket_min, bucket_max, bucket_mean, level_at, level_samples,
                           level_median, level_spread)
SELECT id, organization_id, machine_id, completed_at, :samples, :anomalies, :max_ratio,
       coalesce(results #>> '{health,state}', 'unknown'), coalesce(results #> '{health,reasons}', '[]'),
       (results ->> 'wear')::float, :first_at, :last_at, least(:last_at::timestamptz, completed_at), :bucket_at,
       :bucket_samples, :bucket_anomalies, :bucket_min, :bucket_max, :bucket_mean, :level_at, :level_samples,
       :level_median, :level_spread
FROM summarized RETURNING true;

-- name: delete_run_hours!
-- The counts of a run, which are written anew.
DELETE FROM run_hours WHERE analysis_id = :analysis_id;

-- name: insert_run_hours!
-- The counts of a run per hour and severity, in one statement, so that the sums are derived once.
INSERT INTO run_hours (analysis_id, hour, severity, organization_id, machine_id, samples, min_ratio, max_ratio,
                       sum_ratio)
SELECT a.id, c.hour, c.severity, a.organization_id, a.machine_id, c.samples, c.low, c.high, c.total
FROM analyses a, unnest(:hours::timestamptz[], :severities::text[], :samples::bigint[], :lows::float[],
                        :highs::float[], :totals::float[]) AS c (hour, severity, samples, low, high, total)
WHERE a.id = :analysis_id;

-- name: count_acknowledged!
-- Acknowledgements of a run whose counts are written after its end.
UPDATE run_hours h SET acknowledged = n.acknowledged
FROM (SELECT date_trunc('hour', "timestamp", 'UTC') AS hour, severity, count(*) AS acknowledged
      FROM anomalies WHERE analysis_id = :analysis_id AND acknowledged GROUP BY 1, 2) n
WHERE h.analysis_id = :analysis_id AND h.hour = n.hour AND h.severity = n.severity;

-- name: count_acknowledgement!
-- One more anomaly is acknowledged.
UPDATE run_hours SET acknowledged = acknowledged + 1
WHERE analysis_id = :analysis_id AND severity = :severity AND hour = date_trunc('hour', :timestamp::timestamptz, 'UTC');

-- name: merge_alert!
-- Store a newer state of an alert. Late events, and those about deleted machines, are ignored.
INSERT INTO alert_refs AS a (id, organization_id, machine_id, rule_name, status, severity, summary, count, worst_ratio,
                             first_seen_at, last_seen_at, raised_at, acknowledged_at, resolved_at, outcome, version)
SELECT :id, :organization_id, :machine_id, :rule_name, :status, :severity, :summary, :count, :worst_ratio,
       :first_seen_at, :last_seen_at, :raised_at, :acknowledged_at, :resolved_at, :outcome, :version
WHERE NOT EXISTS (SELECT FROM machine_refs m WHERE m.id = :machine_id AND m.deleted)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, severity = excluded.severity, summary = excluded.summary, count = excluded.count,
    worst_ratio = excluded.worst_ratio, first_seen_at = excluded.first_seen_at,
    last_seen_at = excluded.last_seen_at, raised_at = least(a.raised_at, excluded.raised_at),
    acknowledged_at = excluded.acknowledged_at, resolved_at = excluded.resolved_at, outcome = excluded.outcome, version = excluded.version
WHERE a.version < excluded.version;

-- name: list_fleet
-- One row per machine, ordered by rank, name and id, after the cursor if there is one. Filters and order read a row
-- per machine; everything else is looked up for the machines of the page.
WITH ranked AS (
    SELECT f.*, lower(f.name) AS sort_name, CASE :sort
        -- Alerts before states, and among equal alerts those that nobody has acknowledged.
        WHEN 'need' THEN f.severity_rank * 100 + (f.unacknowledged_alerts > 0)::int * 50
            + CASE f.state WHEN 'failing' THEN 30 WHEN 'deteriorating' THEN 20 WHEN 'unknown' THEN 10 ELSE 0 END
        WHEN 'silence' THEN coalesce(-extract(epoch FROM f.data_until), -1e300)
        ELSE 0 END::float8 AS rank
    FROM fleet_health f
    WHERE (:location::text IS NULL OR starts_with(lower(f.location), lower(:location)))
      AND (:tag::text IS NULL OR f.tags @> ARRAY[:tag::text])
      AND (:state::text IS NULL OR f.state = :state)
      AND (:text::text IS NULL
           OR strpos(lower(concat_ws(' ', f.name, f.model, f.location, array_to_string(f.tags, ' '))),
                     lower(:text)) > 0)
), page AS MATERIALIZED (
    SELECT * FROM ranked
    WHERE :after_rank::float8 IS NULL OR rank < :after_rank
       OR (rank = :after_rank AND (sort_name, machine_id) > (:after_name, :after_id::uuid))
    ORDER BY rank DESC, sort_name, machine_id LIMIT :limit
)
SELECT p.*, recent.day AS anomalies_24h, recent.week AS anomalies_7d, recent.unacknowledged,
       spark.days AS spark, newest.*, baseline.*,
       (SELECT r.results #> '{health,findings}' FROM analyses r WHERE r.id = p.run_id) AS findings
FROM page p
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(severity, day) AS day, jsonb_object_agg(severity, week) AS week,
           sum(week) - sum(acknowledged) AS unacknowledged
    FROM (SELECT severity, sum(samples) AS week, sum(acknowledged) AS acknowledged,
                 coalesce(sum(samples) FILTER (WHERE hour > :now::timestamptz - interval '24 hours'), 0) AS day
          FROM machine_hours h
          WHERE h.machine_id = p.machine_id AND hour > :now - interval '7 days' AND hour <= :now
            AND severity <> 'normal'
          GROUP BY severity) counted
) recent ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(day, ratio, share) ORDER BY day) AS days
    FROM (SELECT day, max(max_ratio) AS ratio,
                 coalesce(sum(samples) FILTER (WHERE severity <> 'normal'), 0) / sum(samples) AS share
          FROM machine_days d
          WHERE d.machine_id = p.machine_id AND day <= (p.data_until AT TIME ZONE 'UTC')::date
            AND day > (p.data_until AT TIME ZONE 'UTC')::date - :spark_days::integer
          GROUP BY day) days
) spark ON true
LEFT JOIN LATERAL (
    SELECT a.id AS newest_id, a.analysis_type AS newest_type, a.status AS newest_status,
           a.created_at AS newest_created_at, a.completed_at AS newest_completed_at, a.stage, a.progress
    FROM analyses a WHERE a.machine_id = p.machine_id ORDER BY a.created_at DESC, a.id DESC LIMIT 1
) newest ON true
LEFT JOIN LATERAL (
    SELECT a.id AS baseline_id, a.completed_at AS baseline_at, a.results -> 'readiness' AS readiness
    FROM active_baselines v JOIN analyses a ON a.id = v.analysis_id
    -- There is one; the limit keeps the planner from joining all machines and analyses of the organization first.
    WHERE v.machine_id = p.machine_id LIMIT 1
) baseline ON true
ORDER BY p.rank DESC, p.sort_name, p.machine_id;

-- name: newest_data$
-- The time of the machine's newest sample; null if it has none.
SELECT data_until FROM machine_states WHERE machine_id = :machine_id;

-- name: count_runs_between$
-- How many runs have samples in the range, counted up to a limit.
SELECT count(*) FROM (SELECT FROM run_summaries
                      WHERE machine_id = :machine_id AND last_at >= :since AND first_at < :until LIMIT :limit) runs;

-- name: buckets_of_runs
-- The series of the runs in the range, joined to buckets of one width that begin at `since`.
SELECT min(b.at) AS at, sum(b.samples) AS samples, sum(b.anomalies) AS anomalies, min(b.low) AS min,
       max(b.high) AS max, sum(b.mean * b.samples) / sum(b.samples) AS mean
FROM run_summaries r,
     unnest(r.bucket_at, r.bucket_samples, r.bucket_anomalies, r.bucket_min, r.bucket_max, r.bucket_mean)
         AS b (at, samples, anomalies, low, high, mean)
WHERE r.machine_id = :machine_id AND r.last_at >= :since AND r.first_at < :until
  AND b.at >= :since AND b.at < :until
GROUP BY date_bin(:width::interval, b.at, :since) ORDER BY 1;

-- name: buckets_of_hours
-- The same from the machine's hours, whose number does not depend on how many runs there were.
SELECT min(hour) AS at, sum(samples) AS samples,
       coalesce(sum(samples) FILTER (WHERE severity <> 'normal'), 0) AS anomalies,
       min(min_ratio) AS min, max(max_ratio) AS max, sum(sum_ratio) / sum(samples) AS mean
FROM machine_hours
WHERE machine_id = :machine_id AND hour >= :since AND hour < :until AND max_ratio IS NOT NULL
GROUP BY date_bin(:width::interval, hour, :since) ORDER BY 1;

-- name: runs_between
-- Runs with samples in the range, newest first.
SELECT analysis_id, first_at, last_at, completed_at, samples, anomalies, max_ratio, state FROM run_summaries
WHERE machine_id = :machine_id AND last_at >= :since AND first_at < :until
ORDER BY last_at DESC, analysis_id DESC LIMIT :limit;

-- name: alerts_between
-- Alerts whose samples or life lie in the range, and all open ones, open ones and newest first.
SELECT * FROM alert_refs
WHERE machine_id = :machine_id AND (
    status <> 'resolved'
    OR (first_seen_at < :until AND last_seen_at >= :since)
    OR (raised_at < :until AND resolved_at >= :since))
ORDER BY status = 'resolved', first_seen_at DESC, id DESC LIMIT :limit;

-- name: marks_between
-- Baselines and failed runs in the range, newest first.
SELECT CASE status WHEN 'failed' THEN 'failed_run' ELSE 'baseline' END AS kind, completed_at AS at,
       id AS analysis_id, error ->> 'message' AS text
FROM analyses
WHERE machine_id = :machine_id AND completed_at >= :since AND completed_at < :until
  AND (status = 'failed' OR analysis_type = 'baseline' AND status = 'completed')
ORDER BY completed_at DESC, id DESC LIMIT :limit;

-- name: levels_on_baseline
-- The levels of the newest completed runs that were judged by a baseline.
SELECT r.level_at, r.level_samples, r.level_median, r.level_spread
FROM run_summaries r JOIN analyses a ON a.id = r.analysis_id
WHERE r.machine_id = :machine_id AND a.baseline_id = :baseline_id
ORDER BY r.last_at DESC, r.analysis_id DESC LIMIT :limit;

-- name: called_normal^
-- The samples and anomalies of a run that turned out to be normal, and why.
SELECT samples, anomalies, reason FROM normal_runs WHERE analysis_id = :analysis_id;

-- name: distances_of_run
-- The distances of a run's samples, in order.
SELECT process_order, first_sample, array_send(monitor_values) AS distance, NULL::bytea AS packed
FROM monitor_series WHERE analysis_id = :analysis_id
UNION ALL
SELECT process_order, first_sample, NULL, packed FROM monitor_packed WHERE analysis_id = :analysis_id
ORDER BY process_order;

-- name: outcomes_of_run
-- Resolved alerts during a run whose outcome is known, with the highest ratio of the run's samples during each.
SELECT a.outcome, (
    SELECT max(b.high) FROM unnest(r.bucket_at, r.bucket_max) AS b (at, high)
    WHERE b.at BETWEEN coalesce((SELECT max(e.at) FROM unnest(r.bucket_at) AS e (at) WHERE e.at <= a.first_seen_at),
                                a.first_seen_at) AND a.last_seen_at) AS max_ratio
FROM run_summaries r JOIN alert_refs a ON a.machine_id = r.machine_id
WHERE r.analysis_id = :analysis_id AND a.status = 'resolved' AND a.outcome IN ('true_alarm', 'false_alarm')
  AND a.first_seen_at <= r.last_at AND a.last_seen_at >= r.first_at
ORDER BY a.first_seen_at, a.id;
