output "instance" {
  description = "Name of the instance."
  value       = google_sql_database_instance.this.name
}

output "url_secret" {
  description = "Secret with the value of DATABASE_URL."
  value       = google_secret_manager_secret.url.secret_id
  depends_on  = [google_secret_manager_secret_version.url]
}
