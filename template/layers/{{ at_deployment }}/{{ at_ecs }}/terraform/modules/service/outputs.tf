output "url" {
  description = "Public address of the service."
  value       = "https://${var.domain}"
}

output "cluster_arn" {
  description = "Cluster of the environment."
  value       = aws_ecs_cluster.this.arn
}

output "execution_role_arn" {
  description = "Role that starts tasks and reads their secrets."
  value       = aws_iam_role.execution.arn
}

output "log_group" {
  description = "Log group of the environment."
  value       = aws_cloudwatch_log_group.this.name
}

output "secret_name" {
  description = "Secret with the service's own secrets."
  value       = aws_secretsmanager_secret.this.name
}
