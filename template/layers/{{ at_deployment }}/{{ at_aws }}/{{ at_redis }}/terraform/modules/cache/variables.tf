variable "name" {
  description = "Name of the service in this environment."
  type        = string
}

variable "vpc_id" {
  description = "Network of the cache."
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

variable "node_type" {
  description = "Size of a node."
  type        = string
}

variable "standby" {
  description = "Keep a second node in another zone that takes over."
  type        = bool
}

variable "topic_arn" {
  description = "Topic for alarms."
  type        = string
}
