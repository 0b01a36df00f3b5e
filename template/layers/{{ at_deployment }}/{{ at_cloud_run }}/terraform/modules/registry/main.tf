# One registry for all environments: what staging has tried is what production gets, by digest.
resource "google_artifact_registry_repository" "this" {
  #checkov:skip=CKV_GCP_84:Google's own keys encrypt it, and it holds no customer's data
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  labels        = var.labels

  # A tag is a commit, and a commit does not change.
  docker_config {
    immutable_tags = true
  }

  # Enough to roll back to, and no more to pay for.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 50
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      older_than = "7776000s"
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "writers" {
  for_each = var.writers

  repository = google_artifact_registry_repository.this.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = each.value
}
