-- min_code_version: 1
-- What a merchant sells by the configuration, [{method, path, upstream}]: the first price of that need not wait.
ALTER TABLE merchant ADD offers jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(offers) = 'array');
GRANT UPDATE (offers) ON merchant TO payonce_app;
