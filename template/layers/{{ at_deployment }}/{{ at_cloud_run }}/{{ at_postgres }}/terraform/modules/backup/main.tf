# A logical dump a day, beside Cloud SQL's own backups: it can be restored anywhere, and outlives the instance.
resource "google_storage_bucket" "this" {
  #checkov:skip=CKV_GCP_62:who read it is in Cloud Audit Logs
  name                        = "${var.project_id}-${var.name}-backup"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = var.labels

  # What is overwritten or deleted by mistake can be had back for a week.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age        = var.keep_days
      with_state = "LIVE"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = 7
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_service_account" "backup" {
  account_id   = "${var.name}-bak"
  display_name = "What the backup of ${var.name} runs as"
}

resource "google_storage_bucket_iam_member" "backup" {
  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser"
  member = google_service_account.backup.member
}

# ops/backup speaks the S3 protocol, which Cloud Storage understands with such a key.
resource "google_storage_hmac_key" "backup" {
  service_account_email = google_service_account.backup.email
}

resource "google_secret_manager_secret" "key" {
  secret_id = "${var.name}-backup-key"
  labels    = var.labels

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "key" {
  secret                 = google_secret_manager_secret.key.id
  secret_data_wo         = google_storage_hmac_key.backup.secret
  secret_data_wo_version = 1
}

resource "google_secret_manager_secret_iam_member" "backup" {
  for_each = local.secrets

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.backup.member
}

locals {
  secrets = {
    DATABASE_URL             = var.database_url_secret
    BACKUP_SECRET_ACCESS_KEY = google_secret_manager_secret.key.secret_id
  }
}

resource "google_cloud_run_v2_job" "backup" {
  name                = "${var.name}-backup"
  location            = var.region
  deletion_protection = false
  labels              = var.labels

  template {
    template {
      service_account = google_service_account.backup.email
      timeout         = "3600s"
      max_retries     = 1

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = var.network
          subnetwork = var.subnetwork
        }
      }

      containers {
        # Until the first deploy; ops/deploy puts the image of ops/backup.Dockerfile here.
        image   = "us-docker.pkg.dev/cloudrun/container/job"
        command = ["ops/backup"]
        args    = [var.environment]

        # The dump is written to a folder in memory before it is stored.
        resources {
          limits = {
            cpu    = "1"
            memory = var.memory
          }
        }

        dynamic "env" {
          for_each = {
            BACKUP_BUCKET_URL    = "https://storage.googleapis.com/${google_storage_bucket.this.name}"
            BACKUP_ACCESS_KEY_ID = google_storage_hmac_key.backup.access_id
            BACKUP_REGION        = "auto"
          }

          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = local.secrets

          content {
            name = env.key

            value_source {
              secret_key_ref {
                secret  = env.value
                version = "latest"
              }
            }
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [template[0].template[0].containers[0].image, client, client_version]
  }

  depends_on = [
    google_secret_manager_secret_iam_member.backup,
    google_secret_manager_secret_version.key,
  ]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.name}-cron"
  display_name = "Starts the backup of ${var.name}"
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  name     = google_cloud_run_v2_job.backup.name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}

resource "google_cloud_scheduler_job" "backup" {
  name      = "${var.name}-backup"
  region    = var.region
  schedule  = "17 3 * * *"
  time_zone = "Etc/UTC"

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.backup.id}:run"

    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }

  retry_config {
    retry_count = 3
  }
}

# The pipeline's deploys act as the job's account.
resource "google_service_account_iam_member" "deployer" {
  service_account_id = google_service_account.backup.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${var.deployer}"
}
