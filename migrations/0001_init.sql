-- Types are TEXT and BIGINT only. Times are unix seconds, booleans 0 or 1, JSON and bytes (base64url) are TEXT.

CREATE TABLE must (one BIGINT NOT NULL);

CREATE TABLE instance (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE settings (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY,
  username TEXT NOT NULL,
  username_folded TEXT NOT NULL UNIQUE,
  email TEXT UNIQUE,
  email_verified BIGINT NOT NULL DEFAULT 0,
  first_name TEXT NOT NULL DEFAULT '',
  last_name TEXT NOT NULL DEFAULT '',
  display_name TEXT NOT NULL DEFAULT '',
  is_admin BIGINT NOT NULL DEFAULT 0,
  disabled BIGINT NOT NULL DEFAULT 0,
  locale TEXT,
  ldap_id TEXT UNIQUE,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE user_groups (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  friendly_name TEXT NOT NULL,
  ldap_id TEXT UNIQUE,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE user_group_members (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
  PRIMARY KEY (user_id, group_id)
);

CREATE INDEX user_group_members_group ON user_group_members (group_id);

CREATE TABLE custom_claims (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  group_id TEXT REFERENCES user_groups (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  CHECK ((user_id IS NULL) <> (group_id IS NULL))
);

CREATE UNIQUE INDEX custom_claims_user ON custom_claims (user_id, name) WHERE user_id IS NOT NULL;

CREATE UNIQUE INDEX custom_claims_group ON custom_claims (group_id, name) WHERE group_id IS NOT NULL;

CREATE TABLE passkeys (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  credential_id TEXT NOT NULL UNIQUE,
  public_key TEXT NOT NULL,
  sign_count BIGINT NOT NULL,
  backup_eligible BIGINT NOT NULL,
  backup_state BIGINT NOT NULL,
  user_verified BIGINT NOT NULL,
  transports TEXT NOT NULL,
  aaguid TEXT NOT NULL,
  attestation_format TEXT NOT NULL,
  name TEXT NOT NULL,
  clone_suspected_at BIGINT,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT
);

CREATE INDEX passkeys_user ON passkeys (user_id);

CREATE TABLE webauthn_challenges (
  id TEXT NOT NULL PRIMARY KEY,
  ceremony TEXT NOT NULL,
  challenge TEXT NOT NULL,
  browser_hash TEXT NOT NULL,
  user_id TEXT,
  user_handle TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX webauthn_challenges_expiry ON webauthn_challenges (expires_at);

CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,
  secret_hash TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  passkey_id TEXT,
  amr TEXT NOT NULL,
  acr TEXT,
  auth_time BIGINT NOT NULL,
  browser_hash TEXT,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  ip TEXT,
  user_agent TEXT
);

CREATE INDEX sessions_user ON sessions (user_id);

CREATE INDEX sessions_browser ON sessions (browser_hash);

CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE clients (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  callback_urls TEXT NOT NULL,
  logout_callback_urls TEXT NOT NULL,
  is_public BIGINT NOT NULL DEFAULT 0,
  pkce_enabled BIGINT NOT NULL DEFAULT 0,
  pkce_supported BIGINT NOT NULL DEFAULT 0,
  pkce_plain_allowed BIGINT NOT NULL DEFAULT 0,
  requires_reauthentication BIGINT NOT NULL DEFAULT 0,
  requires_pushed_authorization_requests BIGINT NOT NULL DEFAULT 0,
  skip_consent BIGINT NOT NULL DEFAULT 0,
  is_group_restricted BIGINT NOT NULL DEFAULT 0,
  launch_url TEXT,
  client_type TEXT NOT NULL DEFAULT 'standard',
  federated_identities TEXT NOT NULL DEFAULT '[]',
  metadata TEXT NOT NULL DEFAULT '{}',
  metadata_expires_at BIGINT,
  approval TEXT NOT NULL DEFAULT 'approved',
  registration_token_hash TEXT,
  access_token_duration_minutes BIGINT NOT NULL DEFAULT 60,
  refresh_token_duration_minutes BIGINT NOT NULL DEFAULT 43200,
  created_by_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE INDEX clients_name ON clients (name_folded, id);

CREATE TABLE client_origins (
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  origin TEXT NOT NULL,
  is_pattern BIGINT NOT NULL,
  PRIMARY KEY (client_id, origin)
);

CREATE INDEX client_origins_origin ON client_origins (origin);

CREATE INDEX client_origins_pattern ON client_origins (is_pattern) WHERE is_pattern = 1;

CREATE TABLE client_secrets (
  id TEXT NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  secret_hash TEXT NOT NULL,
  hash_alg TEXT NOT NULL,
  prefix TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);

CREATE INDEX client_secrets_client ON client_secrets (client_id);

CREATE TABLE client_allowed_groups (
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
  PRIMARY KEY (client_id, group_id)
);

CREATE INDEX client_allowed_groups_group ON client_allowed_groups (group_id);

CREATE TABLE consents (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  scope TEXT NOT NULL,
  redirect_hosts TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, client_id)
);

CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE interactions (
  id TEXT NOT NULL PRIMARY KEY,
  browser_hash TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  request TEXT NOT NULL,
  user_id TEXT,
  authenticated_user_id TEXT,
  account_selected_at BIGINT,
  consented_at BIGINT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX interactions_client ON interactions (client_id);

CREATE INDEX interactions_expiry ON interactions (expires_at);

CREATE TABLE grants (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  session_id TEXT,
  scope TEXT NOT NULL,
  resource TEXT,
  claims TEXT,
  auth_time BIGINT NOT NULL,
  amr TEXT NOT NULL,
  acr TEXT,
  nonce TEXT,
  dpop_jkt TEXT,
  actor TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  revoked_reason TEXT
);

CREATE INDEX grants_session ON grants (session_id);

CREATE INDEX grants_user_client ON grants (user_id, client_id);

CREATE INDEX grants_client ON grants (client_id);

CREATE INDEX grants_resource ON grants (resource) WHERE resource IS NOT NULL;

CREATE INDEX grants_expiry ON grants (expires_at);

CREATE TABLE authorization_codes (
  code_hash TEXT NOT NULL PRIMARY KEY,
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  redirect_uri TEXT,
  code_challenge TEXT,
  code_challenge_method TEXT,
  dpop_jkt TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

CREATE INDEX authorization_codes_grant ON authorization_codes (grant_id);

CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);

CREATE TABLE refresh_tokens (
  token_hash TEXT NOT NULL PRIMARY KEY,
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  state TEXT NOT NULL,
  successor_sealed TEXT,
  created_at BIGINT NOT NULL,
  used_at BIGINT,
  expires_at BIGINT NOT NULL
);

CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);

CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE revoked_access_tokens (
  jti TEXT NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL
);

CREATE INDEX revoked_access_tokens_expiry ON revoked_access_tokens (expires_at);

CREATE TABLE pushed_requests (
  request_uri_hash TEXT NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  request TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX pushed_requests_client ON pushed_requests (client_id);

CREATE INDEX pushed_requests_expiry ON pushed_requests (expires_at);

CREATE TABLE device_codes (
  device_code_hash TEXT NOT NULL PRIMARY KEY,
  user_code_hash TEXT NOT NULL UNIQUE,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  scope TEXT NOT NULL,
  resource TEXT,
  nonce TEXT,
  dpop_jkt TEXT,
  state TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  session_id TEXT,
  grant_id TEXT REFERENCES grants (id) ON DELETE CASCADE,
  tries BIGINT NOT NULL DEFAULT 0,
  interval_s BIGINT NOT NULL,
  last_polled_at BIGINT,
  ip TEXT,
  country TEXT,
  city TEXT,
  user_agent TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX device_codes_client ON device_codes (client_id);

CREATE INDEX device_codes_user ON device_codes (user_id);

CREATE INDEX device_codes_grant ON device_codes (grant_id);

CREATE INDEX device_codes_expiry ON device_codes (expires_at);

CREATE TABLE used_jtis (
  issuer TEXT NOT NULL,
  jti TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (issuer, jti)
);

CREATE INDEX used_jtis_expiry ON used_jtis (expires_at);

CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  count BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX counters_expiry ON counters (expires_at);

CREATE TABLE remote_documents (
  url TEXT NOT NULL PRIMARY KEY,
  body TEXT NOT NULL,
  fetched_at BIGINT NOT NULL,
  fresh_until BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX remote_documents_expiry ON remote_documents (expires_at);

CREATE TABLE apis (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  resource TEXT NOT NULL UNIQUE,
  allow_cimd_clients BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE INDEX apis_name ON apis (name_folded, id);

CREATE TABLE api_permissions (
  id TEXT NOT NULL PRIMARY KEY,
  api_id TEXT NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  allowed_for_cimd_clients BIGINT NOT NULL DEFAULT 0,
  UNIQUE (api_id, key)
);

CREATE TABLE api_clients (
  api_id TEXT NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  subject_type TEXT NOT NULL,
  PRIMARY KEY (api_id, client_id, subject_type)
);

CREATE INDEX api_clients_client ON api_clients (client_id);

CREATE TABLE api_client_permissions (
  permission_id TEXT NOT NULL REFERENCES api_permissions (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  subject_type TEXT NOT NULL,
  PRIMARY KEY (permission_id, client_id, subject_type)
);

CREATE INDEX api_client_permissions_client ON api_client_permissions (client_id);

CREATE TABLE logout_deliveries (
  id TEXT NOT NULL PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  next_attempt_at BIGINT NOT NULL,
  last_error TEXT,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);

CREATE INDEX logout_deliveries_due ON logout_deliveries (state, next_attempt_at);

CREATE INDEX logout_deliveries_client ON logout_deliveries (client_id, created_at);

CREATE INDEX logout_deliveries_time ON logout_deliveries (created_at);

CREATE TABLE initial_access_tokens (
  id TEXT NOT NULL PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  uses_left BIGINT,
  created_by_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);

CREATE TABLE signing_keys (
  kid TEXT NOT NULL PRIMARY KEY,
  alg TEXT NOT NULL,
  public_jwk TEXT NOT NULL,
  private_sealed TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  activates_at BIGINT,
  retired_at BIGINT,
  expires_at BIGINT
);

CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (alg) WHERE state = 'active';

CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (alg) WHERE state = 'next';

CREATE TABLE audit_events (
  id TEXT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  event TEXT NOT NULL,
  user_id TEXT,
  actor_user_id TEXT,
  client_id TEXT,
  ip TEXT,
  country TEXT,
  city TEXT,
  user_agent TEXT,
  data TEXT NOT NULL
);

CREATE INDEX audit_events_user ON audit_events (user_id, created_at);

CREATE INDEX audit_events_time ON audit_events (created_at, id);
