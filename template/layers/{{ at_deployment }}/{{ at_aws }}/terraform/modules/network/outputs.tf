output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets with a way to the internet, one for each zone."
  value       = aws_subnet.public[*].id
}

output "data_subnet_ids" {
  description = "Subnets without a way to the internet, one for each zone."
  value       = aws_subnet.data[*].id
}

output "tasks_security_group_id" {
  description = "Security group of everything that runs the service's image."
  value       = aws_security_group.tasks.id
}
