output "cluster_arn" {
  description = "Cluster of the jobs."
  value       = aws_ecs_cluster.this.arn
}

output "execution_role_arn" {
  description = "Role that starts tasks and reads their secrets."
  value       = aws_iam_role.execution.arn
}

output "log_group" {
  description = "Log group of the jobs."
  value       = aws_cloudwatch_log_group.this.name
}
