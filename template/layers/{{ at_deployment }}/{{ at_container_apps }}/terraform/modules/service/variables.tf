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

variable "network_subnet_id" {
  description = "Subnet of the Container Apps environment."
  type        = string
}

variable "workspace_id" {
  description = "Where logs go."
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
  description = "Image of the first revision; ops/deploy sets it from then on."
  type        = string
}

variable "environment" {
  description = "Name of the environment, which the service reports."
  type        = string
}

variable "cpu" {
  description = "Cores of one replica."
  type        = number
}

variable "memory" {
  description = "Memory of one replica."
  type        = string
}

variable "min_replicas" {
  description = "Replicas that always run."
  type        = number
}

variable "max_replicas" {
  description = "Replicas at most."
  type        = number
}

variable "zone_redundant" {
  description = "Whether replicas are spread over zones. It can only be chosen when the environment is made."
  type        = bool
}

variable "environment_variables" {
  description = "Environment variables besides those that every environment has."
  type        = map(string)
}

variable "secrets" {
  description = "Environment variables that come from Key Vault, with the secret's address."
  type        = map(string)
}
