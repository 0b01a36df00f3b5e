variable "name" {
  description = "Name of the service in this environment."
  type        = string
}

variable "vpc_id" {
  description = "Network of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, one for each zone."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Security group of what may connect."
  type        = string
}

variable "instance_class" {
  description = "Size of the server."
  type        = string
}

variable "standby" {
  description = "Keep a copy in another zone that takes over."
  type        = bool
}

variable "topic_arn" {
  description = "Topic for alarms."
  type        = string
}
