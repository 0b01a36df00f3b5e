variable "name" {
  description = "Name of the service in this environment."
  type        = string
}

variable "environment" {
  description = "Environment whose database is dumped."
  type        = string
}

variable "region" {
  description = "Region of the bucket."
  type        = string
}

variable "account_id" {
  description = "Account, which makes the bucket's name unique."
  type        = string
}

variable "cluster_arn" {
  description = "Cluster in which the backup runs."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with a way to the bucket."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Give the task an address of its own, which public subnets need."
  type        = bool
}

variable "security_group_id" {
  description = "Security group that reaches the database."
  type        = string
}

variable "execution_role_arn" {
  description = "Role that starts tasks and reads their secrets."
  type        = string
}

variable "log_group" {
  description = "Log group of the environment."
  type        = string
}

variable "database_url" {
  description = "Address of the database, without its password."
  type        = string
}

variable "password_arn" {
  description = "Secret with the password, as its field password."
  type        = string
}

variable "topic_arn" {
  description = "Topic that hears about a failed backup."
  type        = string
}
