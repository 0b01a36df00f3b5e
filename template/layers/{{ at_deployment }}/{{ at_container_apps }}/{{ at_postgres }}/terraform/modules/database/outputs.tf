output "id" {
  description = "The server, for alerts."
  value       = azurerm_postgresql_flexible_server.this.id
}

output "name" {
  description = "The server's name, for a restore."
  value       = azurerm_postgresql_flexible_server.this.name
}

output "url_secret_id" {
  description = "The secret with DATABASE_URL."
  value       = azurerm_key_vault_secret.url.versionless_id
}
