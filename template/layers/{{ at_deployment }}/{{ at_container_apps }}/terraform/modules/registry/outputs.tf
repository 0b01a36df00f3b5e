output "id" {
  description = "Where roles on the images are assigned."
  value       = azurerm_container_registry.this.id
}
