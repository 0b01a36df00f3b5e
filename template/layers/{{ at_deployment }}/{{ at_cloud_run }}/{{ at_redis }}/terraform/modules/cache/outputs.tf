output "url_secret" {
  description = "Secret with the value of REDIS_URL."
  value       = google_secret_manager_secret.url.secret_id
  depends_on  = [google_secret_manager_secret_version.url]
}

output "id" {
  description = "Full name of the instance."
  value       = google_redis_instance.this.id
}
