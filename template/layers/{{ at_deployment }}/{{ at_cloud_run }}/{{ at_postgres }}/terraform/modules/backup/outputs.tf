output "bucket_url" {
  description = "Value of BACKUP_BUCKET_URL."
  value       = "https://storage.googleapis.com/${google_storage_bucket.this.name}"
}
