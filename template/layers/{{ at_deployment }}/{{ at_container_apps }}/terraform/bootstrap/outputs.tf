output "pipeline_client_ids" {
  description = "AZURE_CLIENT_ID of each environment's pipeline."
  value       = { for name, identity in azurerm_user_assigned_identity.pipeline : name => identity.client_id }
}

output "tenant_id" {
  description = "AZURE_TENANT_ID."
  value       = data.azurerm_client_config.current.tenant_id
}
