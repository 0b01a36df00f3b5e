output "id" {
  description = "The container app, for alerts."
  value       = azurerm_container_app.this.id
}

output "container_environment_id" {
  description = "The Container Apps environment, for jobs."
  value       = azurerm_container_app_environment.this.id
}

output "url" {
  description = "Public address."
  value       = "https://${azurerm_container_app.this.ingress[0].fqdn}"
}
