variable "name" {
  description = "Name of what this module makes, or what its names start with."
  type        = string
}

variable "resource_group" {
  description = "Resource group of the environment."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "container_environment_id" {
  description = "The Container Apps environment."
  type        = string
}

variable "identity_id" {
  description = "Identity that pulls the image and reads the secrets."
  type        = string
}

variable "registry" {
  description = "Server name of the registry."
  type        = string
}

variable "image" {
  description = "Image of the first execution; ops/deploy sets it from then on."
  type        = string
}

variable "arguments" {
  description = "Command to run."
  type        = list(string)
}

variable "schedule" {
  description = "Cron expression in UTC, or null for a job that is started by hand."
  type        = string
  default     = null
  nullable    = true
}

variable "timeout_seconds" {
  description = "Longest time that one execution may take."
  type        = number
}

variable "environment_variables" {
  description = "Environment variables."
  type        = map(string)
}

variable "secrets" {
  description = "Environment variables that come from Key Vault, with the secret's address."
  type        = map(string)
}
