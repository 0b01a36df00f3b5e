resource "google_redis_instance" "this" {
  name                    = var.name
  region                  = var.region
  tier                    = var.tier
  memory_size_gb          = var.memory_size_gb
  redis_version           = "REDIS_7_2"
  authorized_network      = var.network
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  labels                  = var.labels

  # The rate limits lose nothing that matters: old keys go first when it is full.
  redis_configs = {
    maxmemory-policy = "allkeys-lru"
  }

  maintenance_policy {
    weekly_maintenance_window {
      day = "SUNDAY"

      start_time {
        hours   = 3
        minutes = 0
        seconds = 0
        nanos   = 0
      }
    }
  }
}

resource "google_secret_manager_secret" "url" {
  secret_id = "${var.service}-redis-url"
  labels    = var.labels

  replication {
    auto {}
  }
}

# The instance signs its certificate with an authority of its own, which goes along: nobody else can pass for it, so its name,
# an address that the certificate does not carry, need not match.
resource "google_secret_manager_secret_version" "url" {
  secret                 = google_secret_manager_secret.url.id
  secret_data_wo         = "rediss://:${urlencode(google_redis_instance.this.auth_string)}@${google_redis_instance.this.host}:${google_redis_instance.this.port}/0?ssl_check_hostname=false&ssl_ca_data=${urlencode(join("\n", google_redis_instance.this.server_ca_certs[*].cert))}"
  secret_data_wo_version = var.url_version
}
