-- name: save_quality!
-- The quality of a run's data; an attempt replaces what an earlier one found.
INSERT INTO analysis_quality (analysis_id, organization_id, quality) VALUES (:analysis_id, :organization_id, :quality)
ON CONFLICT (analysis_id) DO UPDATE SET quality = excluded.quality;

-- name: get_quality$
-- The quality of a run's data.
SELECT quality FROM analysis_quality WHERE analysis_id = :analysis_id;
