output "action_group_id" {
  description = "Who is told, for alerts outside of this module."
  value       = azurerm_monitor_action_group.this.id
}
