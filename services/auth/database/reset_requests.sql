-- name: insert_reset_request!
-- Add a password reset request; whether the account exists is checked later.
INSERT INTO reset_requests (id, email, ip_address, user_agent, requested_at)
VALUES (:id, :email, :ip_address::text::inet, :user_agent, :requested_at);

-- name: take_reset_request^
-- Delete and return the request, which this transaction answers.
DELETE FROM reset_requests WHERE id = :id
RETURNING id, email, host(ip_address) AS ip_address, user_agent, requested_at;
