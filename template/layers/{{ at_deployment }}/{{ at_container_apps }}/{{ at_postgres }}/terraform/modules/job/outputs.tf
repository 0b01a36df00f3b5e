output "id" {
  description = "The job."
  value       = azurerm_container_app_job.this.id
}
